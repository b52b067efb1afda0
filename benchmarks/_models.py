"""What is compared: mixup at several α's, and what a user would pick instead."""

from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skmixup import MixupClassifier


def make_models(alphas, seed):
    """Return the models by name; all α's have the same seed, so that they pair.

    Parameters
    ----------
    alphas : sequence of float
        0, plain training, is added where it is missing.
    seed : int
    """
    models = {
        "ERM" if alpha == 0 else f"mixup {alpha:g}": MixupClassifier(
            alpha=alpha, device="cpu", random_state=seed
        )
        for alpha in sorted({0.0, *alphas})
    }
    models["MLPClassifier"] = make_pipeline(
        make_column_transformer(
            (
                make_pipeline(
                    SimpleImputer(strategy="median", keep_empty_features=True),
                    StandardScaler(),
                ),
                make_column_selector(dtype_include="number"),
            ),
            remainder=OneHotEncoder(handle_unknown="ignore", sparse_output=False),
        ),
        MLPClassifier((128, 128), random_state=seed),
    )
    return models
