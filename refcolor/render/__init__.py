"""Jobs over many frames: plan, learn, color, report."""
