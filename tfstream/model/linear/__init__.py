"""What is computed in closed form: predictors, agreement of sensors, attribution."""
