import re

from gateway.http.page_routes import page_files


def test_the_pages_files_load_nothing_from_elsewhere_and_never_parse_markup() -> None:
    found = page_files()
    assert {"index.html", "app.js", "style.css"} <= found.keys()
    for name, file in found.items():
        text = file.body.decode().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?:|//cdn|@import|url\(", text), name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", text), name
        assert " style=" not in text, name
