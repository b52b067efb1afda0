"""How Sphinx builds the documentation: see .github/CONTRIBUTING.md."""

import importlib
import inspect
import os
import re
import warnings

from sphinx.util.nodes import get_node_source
from sphinx_gallery.sorting import FunctionSortKey

import skmixup

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the examples run side by side
# sphinx-gallery looks each name up in `skmixup` too, where the old names warn.
os.environ["PYTHONWARNINGS"] = "ignore::FutureWarning:sphinx_gallery.backreferences"
warnings.filterwarnings("ignore", "skmixup", FutureWarning, r"sphinx_gallery\.")

project = "skmixup"
author = "the skmixup developers"
version = release = skmixup.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "examples"]
templates_path = ["_templates"]
default_role = "literal"
smartquotes = False  # which would change quotes in types and defaults

OTHERS = [
    *("joblib", "matplotlib", "numpy", "onnx", "pandas", "sklearn", "skorch", "torch"),
]

# The build must do without a network. With one, `-t links` links other projects.
if tags.has("links"):  # noqa: F821 (Sphinx puts it there)
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3", None),
        "numpy": ("https://numpy.org/doc/stable", None),
        "pandas": ("https://pandas.pydata.org/docs", None),
        "matplotlib": ("https://matplotlib.org/stable", None),
        "joblib": ("https://joblib.readthedocs.io/en/stable", None),
        "sklearn": ("https://scikit-learn.org/stable", None),
        "torch": ("https://docs.pytorch.org/docs/stable", None),
        "skorch": ("https://skorch.readthedocs.io/en/stable", None),
    }

# Names of this package must lead somewhere, others only where they are linked.
nitpicky = True
nitpick_ignore_regex = [
    ("py:.*", rf"({'|'.join(OTHERS)})\..*"),
    ("py:obj", r"\w+_"),  # attributes are told of in their class
]

# ---- the theme

html_theme = "pydata_sphinx_theme"
html_title = "skmixup"
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["sphinx-version"],
    "footer_end": ["theme-version"],
}
# Code of 88 characters fits beside one sidebar, not two.
html_sidebars = {"index": [], "auto_examples/plot_*": []}

# ---- the reference

FOREIGN = ("skorch", "torch", "builtins")  # whose methods have pages of their own
MODULES = [
    "skmixup",
    *(f"skmixup.{m}" for m in ("encoding", "mixing", "search", "stack")),
]


# The page of a name is that of the first module that has it.
PLACES = {
    name: module
    for module in reversed(MODULES)
    for name in importlib.import_module(module).__all__
}


def list_methods():
    """Return the public methods of each public class that are not foreign.

    And the names of those that scikit-learn has written.
    """
    methods, theirs = {}, set()
    for name, module in PLACES.items():
        cls = getattr(importlib.import_module(module), name)
        if not inspect.isclass(cls):
            continue
        own = methods[f"{module}.{name}"] = []
        for method, value in inspect.getmembers(cls, inspect.isroutine):
            owner = next(c for c in cls.__mro__ if method in vars(c)).__module__
            package = owner.split(".")[0]
            public = callable(value) and not method.startswith("_")
            if public and package not in FOREIGN:
                own.append(method)
            if package == "sklearn":
                theirs.add(f"{module}.{name}.{method}")
    return methods, theirs


_METHODS, _THEIRS = list_methods()

autosummary_generate = True
autosummary_context = {"methods_of": _METHODS}
autodoc_member_order = "groupwise"
autodoc_typehints = "none"
toc_object_entries_show_parents = "hide"

numpydoc_show_class_members = False  # the template lists them
numpydoc_xref_param_type = False
# What help() and the reference would tell wrongly, or not at all.
numpydoc_validation_checks = {
    *("GL03", "GL05", "GL06", "GL07", "GL08", "GL10"),
    *("SS01", "SS02", "SS03", "SS04", "SS06"),
    *("PR01", "PR02", "PR03", "PR04", "PR05", "PR07", "PR10", "YD01"),
}
numpydoc_validation_exclude = {
    *(rf"^{re.escape(name)}$" for name in sorted(_THEIRS)),
    # Hooks that skorch and torch call, and methods told of in a base class.
    r"^skmixup\.(mixing|stack)\.\w+\.\w+$",
    r"^skmixup\.MixupNet\.(evaluation_step|fit_loop|train_step_single)$",
}

# ---- the gallery

EXAMPLES = [
    "plot_quick_start.py",
    "plot_alpha_curve.py",
    "plot_noisy_labels.py",
    "plot_imbalance.py",
    "plot_intervals.py",
    "plot_multi_output.py",
    "plot_large_table.py",
    "plot_own_module.py",
]
sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "within_subsection_order": FunctionSortKey(EXAMPLES.index),
    "parallel": 2,
    "abort_on_example_error": True,
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("skmixup",),
    "download_all_examples": False,
    "show_signature": False,
    "write_computation_times": False,
    "min_reported_time": 0,
}


def find_short_name(app, env, node, contnode):
    """Find what a docstring calls by its name alone, in whichever module it is."""
    first, _, rest = node.get("reftarget", "").partition(".")
    if node.get("refdomain") != "py" or first not in PLACES:
        return None
    full = f"{PLACES[first]}.{first}.{rest}".removesuffix(".")
    where = env, node.get("refdoc"), app.builder
    return env.domains["py"].resolve_xref(*where, "obj", full, node, contnode)


def leave_sklearns(app, env, node, contnode):
    """Leave references as text in docstrings that scikit-learn has written.

    They are to its glossary and user guide.
    """
    source = get_node_source(node) or ""
    theirs = re.search(r"docstring of sklearn\.|<autosummary>", source)
    return contnode if theirs else None


def setup(app):
    """Register what is above with Sphinx."""
    app.connect("missing-reference", find_short_name)
    app.connect("missing-reference", leave_sklearns, priority=900)  # if all others fail
