"""The phone line: frames of the learner in, the customer's audio out, both on the call clock."""
