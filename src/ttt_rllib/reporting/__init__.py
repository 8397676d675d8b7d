"""What a run has to show, drawn: charts, boards and the page `report.html`.

Everything is SVG and HTML without scripts, coloured through the CSS variables of the web
page's palette, so that it follows dark and light. Needs neither ray nor torch. The figures
show themselves in a notebook, too.
"""
