"""Builds the page: `python web/build.py` writes tf_colorize/page and, with the models, web/dist.

Needs Node 20 and npm; a first run downloads the packages of package-lock.json.
"""

import base64
import hashlib
import json
import pathlib
import shutil
import subprocess
import sys

WEB = pathlib.Path(__file__).resolve().parent
PAGE = WEB.parent / "tf_colorize" / "page"


def build_page(folder):
    """Writes everything but the models. An older page stays until the new one is whole."""
    folder = pathlib.Path(folder).resolve()
    new = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    subprocess.run([program("node"), "build.mjs", str(new)], cwd=WEB, check=True)
    write_service_worker(new)
    shutil.rmtree(folder, ignore_errors=True)
    new.rename(folder)


def write_service_worker(folder):
    """Writes sw.js, which names each file of the build with its hash. Whoever changes a file calls this again."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in ("sw.js", "_headers")]
    hashes = {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).digest() for path in paths}
    files = {
        "./" if path == "index.html" else path: f"sha256-{base64.b64encode(digest).decode()}"
        for path, digest in hashes.items()
    }
    source = (WEB / "src" / "page" / "service_worker.js").read_text(encoding="utf-8")
    version = hashlib.sha256(json.dumps([files, source]).encode()).hexdigest()[:16]
    build = json.dumps({"version": version, "files": files})
    (folder / "sw.js").write_text(f"const BUILD = {build};\n{source}", encoding="utf-8")


def install_packages(checks=True):
    """Installs what package-lock.json pins, unless it is installed already.

    Args:
        checks: Whether to install what only tests and linters need, too.
    """
    lock, installed = WEB / "package-lock.json", WEB / "node_modules" / ".package-lock.json"
    is_there = installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime
    if is_there and (not checks or (WEB / "node_modules" / "axe-core").is_dir()):
        return
    command = [program("npm"), "ci", "--no-audit", "--no-fund", "--loglevel=error"]
    # Where npm's registry cannot be reached, an installation of the package should not wait for minutes.
    command += [] if checks else ["--omit=dev", "--fetch-retries=1", "--fetch-timeout=30000"]
    subprocess.run(command, cwd=WEB, check=True)


def program(name):
    """The path of a program; on Windows, npm is a script that only its full name starts.

    Raises:
        FileNotFoundError: it is not installed.
    """
    path = shutil.which(name)
    if path is None:
        raise FileNotFoundError(f"{name} is not installed; building the page needs Node 20 and npm")
    return path


def main():
    sys.path.insert(0, str(WEB.parent))
    from tf_colorize.commands import demo

    try:
        print("The page: installing the packages that it is made of, once, in about half a minute ...", flush=True)
        install_packages()
        print("The page: building it, in some seconds ...", flush=True)
        build_page(PAGE)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"build.py: {error}", file=sys.stderr)
        return 1
    shutil.rmtree(WEB / "dist", ignore_errors=True)
    demo.write_site(WEB / "dist")
    print(
        f"{PAGE.relative_to(WEB.parent)} is what `tf-colorize demo` serves, in .venv at once, elsewhere after "
        "`pip install .`\nweb/dist is the page with its models, for any web host"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
