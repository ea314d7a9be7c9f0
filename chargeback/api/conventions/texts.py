"""The texts in JSON that are no mere texts: amounts, dates and moments, with their forms for the OpenAPI document."""

from typing import Annotated

from msgspec import Meta

Amount = Annotated[
    str, Meta(pattern=r"^-?[0-9]+(\.[0-9]+)?$", examples=["12.3456"], description="An exact decimal, as a string.")
]
DateText = Annotated[str, Meta(extra_json_schema={"format": "date"}, examples=["2026-03-31"])]
MonthText = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}$", examples=["2026-03"])]
MomentText = Annotated[str, Meta(extra_json_schema={"format": "date-time"}, examples=["2026-03-20T06:00:00Z"])]
UrlText = Annotated[str, Meta(extra_json_schema={"format": "uri"})]
