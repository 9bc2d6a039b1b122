"""What a user may say about a data set where its files do not speak plainly."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Literal

from pydantic import Field, field_validator

from medadv_desktop.settings import Settings


class DatasetOptions(Settings):
    """Overrides of what is guessed when a data set is opened. Empty text means: guess, and say so.

    Column names are matched as they stand in the header, without regard to case and to space
    around them.
    """

    layout: str = Field("", description="Id of the layout; nothing means the one recognised")
    image_column: str = Field("", description="Column with the path, name or id of the image")
    label_columns: str = Field(
        "",
        description="Column with the label, or the 0/1 columns of the findings, by commas; a name"
        " with a comma in it in double quotes",
    )
    patient_column: str = Field("", description="Column with the patient; - for none")
    split_column: str = Field("", description="Column with the split; - for none")
    id_column: str = Field("", description="Column with the sample's id; - for none")
    frame_column: str = Field("", description="Column with the frame, from 0; - for none")
    task: Literal["auto", "single-label", "multi-label"] = Field(
        "auto", description="One class for each image, or any number of findings"
    )
    classes: str = Field(
        "", description="Class names in the model's order, separated by |; others are unknown"
    )
    finding_separator: str = Field(
        "|", min_length=1, max_length=1, description="Between findings in one cell"
    )
    image_folder: str = Field(
        "", description="Folder that image paths start from, seen from the table's own"
    )
    delimiter: Literal["auto", "comma", "semicolon", "tab", "pipe"] = Field(
        "auto", description="Between the cells of a text table"
    )
    encoding: str = Field("", description="Of a text table: utf-8, cp1252, utf-16, ...")
    header: Literal["auto", "yes", "no"] = Field(
        "auto", description="Whether the first row of a table holds column names"
    )
    sheet: str = Field("", description="Sheet of a workbook; nothing means the first with cells")

    @field_validator("classes")
    @classmethod
    def _different_classes(cls, text: str) -> str:
        names = [c.strip() for c in text.split("|") if c.strip()]
        if len(set(names)) < len(names):
            raise ValueError("two classes have the same name")
        return text

    @property
    def class_list(self) -> tuple[str, ...]:
        return tuple(c.strip() for c in self.classes.split("|") if c.strip())

    @property
    def label_column_list(self) -> tuple[str, ...]:
        row = next(csv.reader([self.label_columns], skipinitialspace=True), [])
        return tuple(c.strip() for c in row if c.strip())


def written_columns(names: Iterable[str]) -> str:
    """Column names in one text, as `label_columns` takes them: by commas, quoted where need be."""
    return ", ".join(map(_quoted, names))


def _quoted(name: str) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow([name])
    return text.getvalue()
