"""The 21-joint hand skeleton shared by the model, the messages and the evaluation.

The order is the one of MediaPipe, FreiHAND and OpenPose: wrist, then thumb, index, middle, ring, little,
each from the palm outwards.
"""

JOINT_NAMES: tuple[str, ...] = (
    "wrist",
    "thumb_cmc", "thumb_mcp", "thumb_ip", "thumb_tip",
    "index_mcp", "index_pip", "index_dip", "index_tip",
    "middle_mcp", "middle_pip", "middle_dip", "middle_tip",
    "ring_mcp", "ring_pip", "ring_dip", "ring_tip",
    "little_mcp", "little_pip", "little_dip", "little_tip",
)  # fmt: skip
JOINT_COUNT = len(JOINT_NAMES)

#: Parent of each joint; the wrist has none (-1).
PARENTS: tuple[int, ...] = (-1, 0, 1, 2, 3, 0, 5, 6, 7, 0, 9, 10, 11, 0, 13, 14, 15, 0, 17, 18, 19)

#: (parent, child) pairs, one per bone, in joint order.
BONES: tuple[tuple[int, int], ...] = tuple((p, j) for j, p in enumerate(PARENTS) if p >= 0)

FINGERS: dict[str, tuple[int, int, int, int]] = {
    "thumb": (1, 2, 3, 4),
    "index": (5, 6, 7, 8),
    "middle": (9, 10, 11, 12),
    "ring": (13, 14, 15, 16),
    "little": (17, 18, 19, 20),
}

WRIST = 0
INDEX_MCP = 5
MIDDLE_MCP = 9
LITTLE_MCP = 17
