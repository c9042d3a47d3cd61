"""Writes an example notebook: make.py submit|module FILE"""

import json
import sys

SUBMIT = [
    ("markdown", "# Ferry in a notebook\n\nA job is a future. The image is in the variable `IMAGE` of the environment; any with `sort` will do."),
    ("code", "import os, pathlib, tempfile\nimport ferry\n\nimage = os.environ['IMAGE']\nwork = pathlib.Path(tempfile.mkdtemp())\n(work / 'in.txt').write_text('pear\\napple\\n')"),
    ("code", "job = ferry.submit(image=image, command=['sort', '-o', 'out.txt', 'in.txt'], workdir=work, to='local')\nprint(job.result()['out.txt'].read_text())"),
    ("markdown", "A job shows itself as a card, which is drawn again while the job goes on. The kernel is free meanwhile."),
    ("code", "slow = ferry.submit(image=image, command=['sh', '-c', 'for i in 1 2 3 4 5 6; do echo \"step $i of 6\"; sleep 1; done'], workdir=work / 'slow')\nslow"),
    ("code", "print('the kernel is free while the job is', slow.status.state)\nslow.result();"),
    ("code", "several = ferry.map(['sh', '-c', 'echo \"$1\"', 'x', '{name} {index}'], [{'name': \"it's\"}, {'name': '$HOME'}], image=image, workdir=work / 'many')\nseveral.result()\nprint(several.children(), several.logs())\nseveral"),
    ("code", "try:\n    ferry.submit(image=image, command=['sh', '-c', 'exit 3'], workdir=work / 'bad').result()\nexcept ferry.Failed as error:\n    print('failed:', error.exit_code)"),
    ("code", "from concurrent.futures import CancelledError\nlong = ferry.submit(image=image, command=['sleep', '100'], workdir=work / 'long')\nlong.cancel()\ntry:\n    long.result()\nexcept CancelledError:\n    print(long.status.state)"),
]

MODULE = [
    ("markdown", "# A GenePattern module in a notebook\n\nThe variables `MODULE` and `INPUT` of the environment are the module SelectMarkers (a zip or a directory) and a GCT file. `IMAGE` is its image."),
    ("code", "import os, pathlib, tempfile\nimport ferry\n\nimage = os.environ['IMAGE']\nwork = pathlib.Path(tempfile.mkdtemp())\nmarkers = ferry.Module(os.environ['MODULE'])\nhelp(markers)"),
    ("code", "markers"),
    ("code", "job = markers(input_file=os.environ['INPUT'], count=20, image=image, workdir=work / 'one', to='local')\nprint([f.get_name() for f in job.get_output_files()])"),
    ("code", "table = job.get_file('two_classes.markers.tsv')\nprint(table.read().splitlines()[0])"),
    ("code", "try:\n    markers(input_file='none.gct', count='many')\nexcept ferry.UsageError as error:\n    print('refused:', error)"),
    ("code", "form = markers.form()\nform.widgets['input_file'].value = os.environ['INPUT']\nform.widgets['count'].value = '5'\nform.image.value, form.workdir.value = image, str(work / 'two')\nform"),
    ("code", "form.button.click()  # as a person does\nform.job.result()\nprint(len(form.job.get_file('two_classes.markers.tsv').read().splitlines()))"),
]


def main(name, path):
    cells = []
    for i, (kind, source) in enumerate({"submit": SUBMIT, "module": MODULE}[name]):
        cell = {"cell_type": kind, "id": f"cell-{i}", "metadata": {}, "source": source.splitlines(keepends=True)}
        if kind == "code":
            cell.update(execution_count=None, outputs=[])
        cells.append(cell)
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}, "language_info": {"name": "python"}}
    with open(path, "w") as f:
        json.dump({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}, f, indent=1)
        f.write("\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
