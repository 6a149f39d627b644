"""The values of the block layer, each against a model too simple to be wrong."""
