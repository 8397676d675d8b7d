"""Play against an agent and look into it: in the terminal and in the browser.

It needs neither ray nor torch.
"""
