"""The Time-Frequency Transformer: its training form, its inference form, and the Fourier transform."""
