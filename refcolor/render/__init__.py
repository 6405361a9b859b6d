"""Jobs over many frames: plan, resume, learn, color (workers, Ray), report."""
