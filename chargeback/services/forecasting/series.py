"""What a series of daily spend is: an array of floats, whose pattern repeats after a week."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WEEK = 7
"""In days."""
