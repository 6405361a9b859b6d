"""Color frame 8 of the scene from frame 0 and put source, target and result beside each other."""

from pathlib import Path

from refcolor import colorize, image_io
from refcolor.contact_sheet import contact_sheet

HERE = Path(__file__).parent
source = image_io.read(HERE / "scene/0000.png").rgb
target = image_io.read(HERE / "scene/gray/0008.png").gray
result = colorize(source, target).image
sheet = contact_sheet([[("source", source), ("target", target), ("result", result)]], width=1500)
image_io.write_picture(HERE / "triptych.png", sheet / 255, force=True)
