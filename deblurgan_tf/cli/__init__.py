"""What the commands share: options, the terminal, progress bars, signals, start-up."""
