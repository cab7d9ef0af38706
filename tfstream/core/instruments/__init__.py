"""Health of single sensors: what each sensor never did before, learnt from the stream's own past."""
