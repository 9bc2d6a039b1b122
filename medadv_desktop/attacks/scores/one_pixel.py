"""A few pixels of any value, found by differential evolution from scores alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from medadv_desktop.attacks.attack import Attack, AttackResult

if TYPE_CHECKING:
    from medadv_desktop.attacks.session import Session


class OnePixel(Attack):
    """Candidates are places and values of pixels; each has one child a + F·(b − c), F = 0.5, of
    three others, and gives way to it where the child's loss is not smaller.

    Su, Vargas, Sakurai: One Pixel Attack for Fooling Deep Neural Networks, IEEE Transactions on
    Evolutionary Computation 2019, sec. III-B: places start uniform, values normal around mid-grey
    with half the grey scale as standard deviation; no crossover. What leaves the image or the grey
    scale is brought to its edge. A sample leaves when the objective is achieved.
    """

    name = "one-pixel"
    title = "One pixel"
    summary = "A few pixels of any value, placed by evolution: how much a speck of dust can do"
    reference = "Su et al., IEEE TEVC 2019 (arXiv 1710.08864)"
    knowledge = "scores"

    pixels: int = Field(
        1,
        ge=1,
        le=10_000,
        description="How many pixels may be changed (the budget, an L0 norm)",
        json_schema_extra={"unit": "pixels"},
    )
    population: int = Field(
        400, ge=4, le=10_000, description="Candidates of each sample that live at a time"
    )
    queries: int = Field(
        10_000,
        ge=5,
        le=1_000_000,
        description="Images of each sample that the model may look at, the clean one included; "
        "the paper's 100 generations of 400 take 40401",
    )

    @model_validator(mode="after")
    def _room_for_a_population(self) -> Self:
        if self.queries <= self.population:
            raise ValueError(
                f"a population of {self.population} needs at least {self.population + 1} queries"
            )
        return self

    @property
    def generations(self) -> int:
        """Whole generations that the queries allow after the first population."""
        return (self.queries - 1) // self.population - 1

    def search(self, session: Session) -> AttackResult:
        from medadv_desktop.attacks.scores.one_pixel_search import search

        return search(session, self)
