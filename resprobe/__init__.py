"""See how residual networks use their depth."""
