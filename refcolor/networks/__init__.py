"""The networks: building, training and asking them. Only here is Keras imported."""
