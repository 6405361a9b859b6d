"""Neural networks: the report's CNN, the embedding, training, labels. Only here is Keras imported."""
