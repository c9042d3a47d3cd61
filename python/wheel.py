"""Makes a platform wheel that carries the static program ferry: wheel.py FERRY VERSION PLATFORM DIR

It needs nothing but the standard library. The form is that of PEP 427.
"""

import base64
import hashlib
import pathlib
import sys
import zipfile

SUMMARY = "Run commands in containers: here, on AWS Batch or on Slurm"


def main(binary: str, version: str, platform: str, out: str) -> str:
    root = pathlib.Path(__file__).parent
    info = f"ferry_run-{version}.dist-info"
    files = {f"ferry/{p.name}": (p.read_bytes(), 0o644) for p in sorted((root / "src" / "ferry").iterdir()) if p.suffix == ".py" or p.name == "py.typed"}
    files[f"ferry_run-{version}.data/scripts/ferry"] = (pathlib.Path(binary).read_bytes(), 0o755)
    files[f"{info}/METADATA"] = (f"Metadata-Version: 2.1\nName: ferry-run\nVersion: {version}\nSummary: {SUMMARY}\nRequires-Python: >=3.9\n".encode(), 0o644)
    files[f"{info}/WHEEL"] = (f"Wheel-Version: 1.0\nGenerator: ferry\nRoot-Is-Purelib: false\nTag: py3-none-{platform}\n".encode(), 0o644)
    record = f"{info}/RECORD"
    lines = []
    for name, (data, _) in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(data)}")
    files[record] = ("\n".join([*lines, f"{record},,"]) + "\n").encode(), 0o644
    path = pathlib.Path(out) / f"ferry_run-{version}-py3-none-{platform}.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, (data, mode) in files.items():
            entry = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            entry.external_attr = (0o100000 | mode) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            wheel.writestr(entry, data)
    return str(path)


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
