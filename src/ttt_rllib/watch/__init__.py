"""The page during training: what a trial draws of its agent, and the server of the driver."""
