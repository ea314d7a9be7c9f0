"""What routes share that change something or read what others cost."""
