"""The files of the store screen: complete, from nowhere else, and no markup made of text."""

import re

from gateway.http.store_routes import store_files


def test_the_screens_files_load_nothing_from_elsewhere_and_never_parse_markup() -> None:
    found = store_files()
    assert {"index.html", "app.js", "screen.css"} <= found.keys()
    for name, file in found.items():
        text = file.body.decode().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?:|//cdn|@import|url\(", text), name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", text), name
        assert " style=" not in text, name


def test_every_file_that_is_asked_for_is_there() -> None:
    found = store_files()
    for name, file in found.items():
        text = file.body.decode()
        wanted = re.findall(r'from "\./([\w.-]+)"', text) + re.findall(r'"/page/store/([\w.-]+)"', text)
        assert set(wanted) <= found.keys(), name
