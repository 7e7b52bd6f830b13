"""Cohorts on disk: what readers of images and of voices share. A modality gives endings of names, and layouts."""
