"""Color frame 8 of the scene from frame 0 and put source, target and result beside each other."""

from pathlib import Path

from refcolor import colorize
from refcolor.files import images
from refcolor.imaging.contact_sheets import contact_sheet

HERE = Path(__file__).parent
source = images.read(HERE / "scene/0000.png").rgb
target = images.read(HERE / "scene/gray/0008.png").gray
result = colorize(source, target).image
sheet = contact_sheet([[("source", source), ("target", target), ("result", result)]], width=1500)
images.write_picture(HERE / "triptych.png", sheet / 255, force=True)
