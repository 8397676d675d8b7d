"""Play against an agent and look into it: in the terminal and in the browser.

Needs neither ray nor torch.
"""
