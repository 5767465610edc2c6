"""What each stage learns from, and what it leaves alone."""

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from training.networks import LATENT, Expert, posterior
from training.stages import LatentSpace, Student, build_student

SIZE = 16


class Constant(nn.Module):
    """An encoder that has one opinion about everything."""

    def __init__(self) -> None:
        super().__init__()
        self.opinion = nn.Parameter(torch.zeros(2 * LATENT + 2))

    def look(self, x: Tensor) -> tuple[Expert, Tensor]:
        mean, log_var, side, presence = self.opinion.expand(len(x), -1).split([LATENT, LATENT, 1, 1], 1)
        return Expert(mean, log_var, side[:, 0], presence[:, 0]), torch.zeros(len(x), 21, 3)


def constant() -> Student:
    return Student(Constant(), lambda b: (b["depth"],), lambda b: b["joints"])


def batch(size: int = 32) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(size, *shape, generator=generator)

    return {
        "joints": draw(21, 3) * 0.04,
        "joints_2d": draw(21, 2) * 0.3,
        "surface": draw(256, 3) * 0.04,
        "depth": draw(SIZE, SIZE).clamp(-1, 1),
        "tan_half": draw().abs() * 0.3,
        "rgb": torch.randint(0, 256, (size, SIZE, SIZE, 3), dtype=torch.uint8, generator=generator),
        "right": (torch.arange(size) % 4 > 0).float(),
        "present": (torch.arange(size) % 5 > 0).float(),
    }


@pytest.fixture(scope="module")
def space() -> LatentSpace:
    torch.manual_seed(0)
    return LatentSpace().eval().requires_grad_(False)


def test_the_latent_space_learns_a_batch_by_heart() -> None:
    torch.manual_seed(0)
    space, samples = LatentSpace(), batch()
    optimiser = torch.optim.Adam(space.parameters(), 1e-3)
    errors = []
    for _ in range(30):
        loss, logged = space.loss(samples)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        errors.append(logged["mm"])
    assert errors[-1] < 0.95 * errors[0] and logged["kl"] > 0 and logged["surface_cm"] > 0
    assert all(parameter.grad is not None for parameter in space.parameters())


def test_a_small_batch_is_no_trouble() -> None:
    torch.manual_seed(0)
    loss, logged = LatentSpace().loss(batch(4))
    assert torch.isfinite(loss) and logged["surface_cm"] > 0


def test_the_teacher_is_never_vaguer_than_the_prior(space: LatentSpace) -> None:
    mean, log_var = space.teach(batch())
    assert mean.shape == log_var.shape == (32, LATENT)
    assert (log_var <= 0).all()


@pytest.mark.parametrize("stage", ["depth", "rgb"])
def test_students_learn_and_the_space_does_not_change(space: LatentSpace, stage: str) -> None:
    torch.manual_seed(0)
    student = build_student(stage, SIZE)
    loss, logged = student.loss(batch(), space)
    loss.backward()
    gradients = [parameter.grad for parameter in student.parameters()]
    assert all(gradient is not None and torch.isfinite(gradient).all() for gradient in gradients)
    assert all(parameter.grad is None for parameter in space.parameters())
    assert set(logged) == {"mm", "pose_cm", "kl", "votes_cm", "found"} and logged["kl"] > 0


def test_a_student_sees_its_own_modality_alone() -> None:
    samples = batch()
    (depth, tan_half), (rgb,) = build_student("depth", SIZE).see(samples), build_student("rgb", SIZE).see(samples)
    assert torch.equal(depth, samples["depth"][:, None]) and torch.equal(tan_half, samples["tan_half"])
    assert rgb.shape == (32, 3, SIZE, SIZE)
    with pytest.raises(KeyError):
        build_student("latent", SIZE)


def test_votes_are_for_the_joints_as_the_modality_can_know_them() -> None:
    samples = batch()
    depth, rgb = build_student("depth", SIZE).vote(samples), build_student("rgb", SIZE).vote(samples)
    torch.testing.assert_close(depth, samples["joints"] / 0.13)
    torch.testing.assert_close(rgb[..., :2], samples["joints_2d"])
    torch.testing.assert_close(rgb[..., 2], samples["joints"][..., 2] / 0.13)


def test_labels_of_left_and_absent_hands_do_not_count(space: LatentSpace) -> None:
    student = constant()
    samples = batch()
    labelled = (samples["right"] * samples["present"]).bool()
    loss, _ = student.loss(samples, space)
    for which, changes in ((~labelled, False), (labelled, True)):
        other = {name: values.clone() for name, values in samples.items()}
        other["joints"][which] += 0.05
        other["joints_2d"][which] += 0.5
        assert (student.loss(other, space)[0] != loss).item() is changes
    nobody = samples | {"present": torch.zeros(32)}
    assert torch.isfinite(student.loss(nobody, space)[0])


def test_the_loss_is_least_at_the_teachers_posterior(space: LatentSpace) -> None:
    """For one sample, an expert that makes q(z | x) equal q(z | joints) has no KL left; a narrower one has
    KL(q(z | joints) || q(z | x)), which punishes what it leaves out."""
    samples = {name: values[:1] for name, values in batch().items()}
    samples["right"] = samples["present"] = torch.ones(1)
    mean, log_var = space.teach(samples)
    precision = (torch.exp(-log_var) - 1).clamp(min=1e-6)
    student = constant()
    opinion = student.encoder.get_parameter("opinion")
    with torch.no_grad():
        opinion[:LATENT] = (mean / precision / log_var.exp())[0]
        opinion[LATENT:-2] = -torch.log(precision)[0]
    assert student.loss(samples, space)[1]["kl"] == pytest.approx(0, abs=1e-3)
    with torch.no_grad():
        opinion[LATENT:-2] -= 1
    narrower = posterior((opinion[None, :LATENT], opinion[None, LATENT:-2]))
    expected = kl_divergence(*(Normal(m, (0.5 * v).exp()) for m, v in ((mean, log_var), narrower))).sum()
    assert student.loss(samples, space)[1]["kl"] == pytest.approx(expected.item(), rel=1e-4)
