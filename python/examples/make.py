"""Writes submit.ipynb, the example notebook: make.py FILE"""

import json
import sys

CELLS = [
    ("markdown", "# Ferry in a notebook\n\nA job is a future. The image is in the variable `IMAGE` of the environment; any with `sort` will do."),
    ("code", "import os, pathlib, tempfile\nimport ferry\n\nimage = os.environ['IMAGE']\nwork = pathlib.Path(tempfile.mkdtemp())\n(work / 'in.txt').write_text('pear\\napple\\n')"),
    ("code", "job = ferry.submit(image=image, command=['sort', '-o', 'out.txt', 'in.txt'], workdir=work, to='local')\nprint(job.result()['out.txt'].read_text())"),
    ("code", "job"),
    ("code", "several = ferry.map(['sh', '-c', 'echo \"$1\"', 'x', '{name} {index}'], [{'name': \"it's\"}, {'name': '$HOME'}], image=image, workdir=work / 'many')\nseveral.result()\nprint(several.children(), several.logs())"),
    ("code", "try:\n    ferry.submit(image=image, command=['sh', '-c', 'exit 3'], workdir=work / 'bad').result()\nexcept ferry.Failed as error:\n    print('failed:', error.exit_code)"),
    ("code", "from concurrent.futures import CancelledError\nlong = ferry.submit(image=image, command=['sleep', '100'], workdir=work / 'long')\nlong.cancel()\ntry:\n    long.result()\nexcept CancelledError:\n    print(long.status.state)"),
]


def main(path):
    cells = []
    for i, (kind, source) in enumerate(CELLS):
        cell = {"cell_type": kind, "id": f"cell-{i}", "metadata": {}, "source": source.splitlines(keepends=True)}
        if kind == "code":
            cell.update(execution_count=None, outputs=[])
        cells.append(cell)
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}, "language_info": {"name": "python"}}
    with open(path, "w") as f:
        json.dump({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}, f, indent=1)
        f.write("\n")


if __name__ == "__main__":
    main(sys.argv[1])
