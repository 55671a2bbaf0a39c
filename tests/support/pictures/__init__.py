"""Pictures of digits as people take them, made from MNIST's digits: light, paper, pens and frames, by seed."""
