"""Text from models: samples of ours, and the engine that answers many prompts at a time."""
