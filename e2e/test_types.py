"""What TypeScript makes of the example's modules, and of the documentation's lines for Better Auth."""

import re
import shutil
import subprocess
from pathlib import Path

from e2e.node import installed
from tests.service import ROOT

TSC = ("node_modules/.bin/tsc", "--strict", "--target", "es2022")
EXAMPLE = ROOT / "examples" / "browser"
MODULES = ("send", "tasks")
README, CLIENTS = ((ROOT / name).read_text() for name in ("README.md", "docs/clients.md"))

# Next.js itself is too large to be installed for one function, of which this is the type.
NEXT = 'declare module "next/headers" { export function headers(): Promise<Headers>; }'


def run(folder: Path, *command: str) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_examples_types_are_right_and_those_of_its_declarations(tmp_path: Path) -> None:
    (tmp_path / "node_modules").symlink_to(installed("types") / "node_modules")
    for module in MODULES:
        shutil.copy(EXAMPLE / f"{module}.js", tmp_path)
    declare = ("--allowJs", "--checkJs", "--declaration", "--emitDeclarationOnly")
    run(tmp_path, *TSC, *declare, *(f"{module}.js" for module in MODULES))
    for module in MODULES:
        assert (tmp_path / f"{module}.d.ts").read_text() == (EXAMPLE / f"{module}.d.ts").read_text()


def test_a_page_written_in_typescript_takes_the_examples_modules(tmp_path: Path) -> None:
    source = installed("types")
    (tmp_path / "node_modules").symlink_to(source / "node_modules")
    modules = (EXAMPLE / f"{module}{end}" for module in MODULES for end in (".js", ".d.ts"))
    for file in (source / "package.json", source / "page.ts", *modules):
        shutil.copy(file, tmp_path)
    run(tmp_path, *TSC, "--module", "nodenext", "--noEmit", "page.ts")


def test_the_documentations_lines_for_better_auth_compile(tmp_path: Path) -> None:
    """Each block is a file, which its first line names; what the README says of them stands in one."""
    (tmp_path / "node_modules").symlink_to(installed("auth") / "node_modules")
    blocks = re.findall(r"^```ts\n// (\S+)\n(.*?)^```$", CLIENTS, re.MULTILINE | re.DOTALL)
    for name, code in [*blocks, ("next.d.ts", NEXT)]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(code)
    tsc = str(installed("types") / TSC[0])
    resolution = ("--module", "esnext", "--moduleResolution", "bundler", "--skipLibCheck", "--noEmit")
    run(tmp_path, tsc, *TSC[1:], *resolution, "next.d.ts", *(name for name, _ in blocks))
    lines = re.findall(r"`(plugins: .*?|\(await .*?)`", README)
    assert len(lines) == 4
    for line in lines:
        assert any(line in code for _, code in blocks), line
