"""The notebook's way with XGBoost, as its author runs it: all cores for one model, one after the other."""

import time

import optuna
import pandas as pd
import xgboost as xgb
from sklearn.metrics import mean_absolute_error

optuna.logging.set_verbosity(optuna.logging.ERROR)

GRADES = {
    "cut": ["Fair", "Good", "Very Good", "Premium", "Ideal"],
    "color": list("JIHGFED"),
    "clarity": ["I1", "SI2", "SI1", "VS2", "VS1", "VVS2", "VVS1", "IF"],
}


def encoded(rows: pd.DataFrame) -> pd.DataFrame:
    """The features, with grades as ordered categories."""
    grades = {
        name: pd.Categorical(rows[name], categories=labels, ordered=True) for name, labels in GRADES.items()
    }
    return rows.drop(columns="price").assign(**grades)


def search(learners: pd.DataFrame, judges: pd.DataFrame, seed: int, n_trials: int) -> tuple[list[dict], dict]:
    """After each trial the seconds since the start and the best error so far; and the best parameters."""
    started = time.perf_counter()
    features, unseen = encoded(learners), encoded(judges)

    def objective(trial: optuna.Trial) -> float:
        params = {
            "lambda": trial.suggest_float("lambda", 1e-8, 1.0, log=True),
            "alpha": trial.suggest_float("alpha", 1e-8, 1.0, log=True),
            "colsample_bytree": trial.suggest_categorical("colsample_bytree", [0.3, 0.4, 0.5, 0.7]),
            "subsample": trial.suggest_categorical("subsample", [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]),
            "learning_rate": trial.suggest_float("learning_rate", 1e-8, 1.0, log=True),
            "n_estimators": trial.suggest_int("n_estimators", 100, 1000),
            "max_depth": trial.suggest_int("max_depth", 3, 9),
            "min_child_weight": trial.suggest_int("min_child_weight", 1, 10),
        }
        model = fitted(features, learners["price"], params)
        return mean_absolute_error(judges["price"], model.predict(unseen))

    course = []

    def note(study: optuna.Study, _: object) -> None:
        course.append({"s": time.perf_counter() - started, "mae": study.best_value})

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(objective, n_trials=n_trials, callbacks=[note])
    return course, study.best_params


def fitted(features: pd.DataFrame, prices: pd.Series, params: dict) -> xgb.XGBRegressor:
    return xgb.XGBRegressor(enable_categorical=True, random_state=42, **params).fit(features, prices)
