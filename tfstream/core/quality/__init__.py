"""How good scores and alarms are against labels. Nothing is adjusted by the labels: no point adjustment."""
