"""The attention that a network has of its own: no attribution, but what it multiplies by."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from medadv_desktop.analysis.response.method import Answer, LayerMethod, Needs
from medadv_desktop.errors import AnalysisError

if TYPE_CHECKING:
    from medadv_desktop.analysis.response.question import Question


class OwnAttention(LayerMethod):
    """The map that an attention block of AttnVGG weighs its features by (section 2, equation 1).

    `layer` names the block ("attn1", "attn2"); nothing means the last.
    """

    name: ClassVar = "attention"
    title: ClassVar = "Own attention"
    summary: ClassVar = "The network's own attention map (AttnVGG); the same for every class"
    reference: ClassVar = "Yan, Kawahara and Hamarneh, IPMI 2019"
    needs: ClassVar[Needs] = "scores"
    class_specific: ClassVar = False

    def respond(self, question: Question) -> Answer:
        from medadv_desktop.models.architectures.attn_vgg import AttentionBlock

        model = question.model
        blocks = [name for name in model.layers() if isinstance(model.layer(name), AttentionBlock)]
        if not blocks:
            raise AnalysisError(
                "has no attention maps of its own",
                subject=model.card.name,
                remedy="Choose Grad-CAM or another method; attention is AttnVGG's",
            )
        # A block, or the layer of its map, as the model lists them.
        wanted = self.layer.removesuffix(".map") or blocks[-1]
        if wanted not in blocks:
            raise AnalysisError(
                "is no attention block",
                subject=self.layer,
                remedy=f"Choose one of {', '.join(blocks)}",
            )
        return Answer(question.activations(f"{wanted}.map")[:, 0], wanted)
