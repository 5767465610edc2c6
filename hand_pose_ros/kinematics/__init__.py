"""The hand as a kinematic chain: named joint angles from joint positions, for robots to follow."""
