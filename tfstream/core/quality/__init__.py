"""Quality of scores and alarms against labels, without point adjustment: labels never change a score."""
