"""Fine-tuning a local language model on private transcripts, with canaries that tell what it learnt by heart."""
