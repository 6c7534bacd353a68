"""Degradations as linear operators on tensors: forward, exact adjoint, proximal step."""
