"""Training of the reference model from scratch: corpus, tokenizer, rows, steps, measurement and card."""
