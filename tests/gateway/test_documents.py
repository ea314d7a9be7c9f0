"""The effective policy: scopes from the outside in, `<base />` replaced by what it stands for."""

from pathlib import Path

from stack.gateway.documents import load

NOTE = '<set-variable name="{}" value="x" />'


def write(folder: Path, **documents: str) -> Path:
    (folder / "products").mkdir()
    (folder / "fragments").mkdir()
    for name, text in documents.items():
        part, _, stem = name.rpartition("__")
        (folder / part / f"{stem}.xml").write_text(text)
    return folder


def inbound(content: str) -> str:
    return f"<policies><inbound>{content}</inbound></policies>"


def names(folder: Path, product: str | None, section: str = "inbound") -> list[str]:
    policies = load(folder, {}).effective(product, section)
    return [str(node.attributes.get("name", node.name)) for node in policies]


def test_base_stands_for_the_next_wider_scope(tmp_path: Path) -> None:
    write(
        tmp_path,
        **{"global": inbound(NOTE.format("global"))},
        products__standard=inbound("<base />" + NOTE.format("product")),
        api=inbound(NOTE.format("before") + "<base />" + NOTE.format("after")),
    )

    assert names(tmp_path, "standard") == ["before", "global", "product", "after"]
    assert names(tmp_path, "premium") == ["before", "global", "after"]
    assert names(tmp_path, None) == ["before", "global", "after"]


def test_a_scope_without_base_hides_the_wider_ones(tmp_path: Path) -> None:
    write(tmp_path, **{"global": inbound(NOTE.format("global"))}, api=inbound(NOTE.format("api")))

    assert names(tmp_path, None) == ["api"]


def test_a_section_that_is_left_out_is_inherited(tmp_path: Path) -> None:
    write(tmp_path, api="<policies />")

    assert names(tmp_path, None, "backend") == ["forward-request"]
    assert names(tmp_path, None, "outbound") == []


def test_a_fragment_is_put_where_it_is_included(tmp_path: Path) -> None:
    included = '<include-fragment fragment-id="one" />'
    write(
        tmp_path,
        api=inbound(included + "<choose><when condition='@(true)'>" + included + "</when></choose>"),
        fragments__one="<fragment>" + NOTE.format("one") + "</fragment>",
    )

    (first, choose) = load(tmp_path, {}).effective(None, "inbound")

    assert first.attributes["name"] == "one"
    assert [deep.attributes["name"] for deep in choose.children[0].children] == ["one"]
