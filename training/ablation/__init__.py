"""What the parts of the generator of synthetic hands are worth: the first delivery's model, trained further without one
of them or on the first delivery's own hands, and looked at on hands of other origin."""
