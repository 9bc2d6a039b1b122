"""A corruption told and run as if it were an attack on one image, so that viewers can show it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from medadv_desktop.attacks.attack import Attack, AttackResult, Knowledge

if TYPE_CHECKING:
    from medadv_desktop.attacks.session import Session


class CorruptedImage(Attack):
    """A common corruption at a severity. It looks for nothing; it is on no list of attacks.

    With the seed and the sample's id of an audit it gives the image that the audit judged.
    """

    name: ClassVar[str] = "corruption"
    title: ClassVar[str] = "Corruption"
    summary: ClassVar[str] = "A common corruption at a severity, as an audit applies it"
    reference: ClassVar[str] = ""
    knowledge: ClassVar[Knowledge] = "nothing"

    kind: str = Field(description="Its name; see medadv corruptions")
    severity: int = Field(ge=1, le=5, description="From 1, hardly seen, to 5")

    def search(self, session: Session) -> AttackResult:
        from medadv_desktop.corruptions.registry import make_corruption

        corruption = make_corruption(self.kind, {"severity": self.severity})
        images = corruption.apply(
            session.originals, seed=session.seed, sample_ids=session.ids, token=session.token
        )
        clean = session.landscape.at(session.originals, session.rows)
        point = session.landscape.at(images, session.rows)
        session.report(1, 1, images, point.achieved)
        steps = point.achieved.new_ones(len(images)).long()
        return session.result(clean, images, point.logits, point.achieved, steps)
