"""Times known as intervals: Turnbull's estimate, Kaplan and Meier's as its special case, the Weibull model."""

import numpy as np
import pandas as pd
import pytest
from lifelines import KaplanMeierFitter, WeibullAFTFitter
from lifelines.datasets import load_rossi
from scipy.optimize import minimize

from chanjiao import transmission

# Time to cosmetic deterioration in months, radiotherapy alone (Finkelstein and Wolfe 1985); left open, 0 for "until",
# infinity for "still unchanged". The masses are those of Fay and Shaw, J. Statistical Software 36 (2010), no. 2.
RADIOTHERAPY = """45- 6-10 0-7 46- 46- 7-16 17- 7-14 37-44 0-8 4-11 15- 11-15 22- 46- 46- 25-37 46- 26-40 46- 27-34
36-44 46- 36-48 37- 40- 17-25 46- 11-18 38- 5-12 37- 0-5 18- 24- 36- 5-11 19-35 17-25 24- 32- 33- 19-26 37- 34- 36-"""
MASSES = [0.0463, 0.0334, 0.0887, 0.0708, 0.0926, 0.0818, 0.1209, 0.4656]

# Freireich and others, Blood 21 (1963), 699-716: remission in weeks; a half week stands for censored after that week.
TREATED = [6, 6, 6, 7, 10, 13, 16, 22, 23, 6.5, 9.5, 10.5, 11.5, 17.5, 19.5, 20.5, 25.5, 32.5, 32.5, 34.5, 35.5]
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]


def censored(weeks: list[float]) -> tuple[np.ndarray, np.ndarray]:
    lower = np.array(weeks, float)
    return lower, np.where(lower % 1 == 0.5, np.inf, lower)


def test_turnbull_gives_the_published_masses_of_the_breast_cosmesis_study() -> None:
    ends = [pair.split("-") for pair in RADIOTHERAPY.split()]
    # Intervals are open at the left, ours are closed: they begin half a month later.
    lower = np.array([float(left) + 0.5 for left, _ in ends])
    upper = np.array([float(right) if right else np.inf for _, right in ends])
    innermost, mass = transmission.turnbull(lower, upper)
    # One of the nine innermost intervals gets no mass.
    positive = mass[0] > 1e-3
    assert mass[0][positive] == pytest.approx(MASSES, abs=2e-4)
    assert innermost[positive][:3, 1].tolist() == [5, 7, 8]


def test_turnbull_of_right_censored_times_is_kaplan_and_meiers_estimate() -> None:
    """The 6-MP group of the leukaemia trial; the product-limit estimate is recomputed with lifelines."""
    lower, upper = censored(TREATED)
    innermost, mass = transmission.turnbull(lower, upper, tolerance=1e-10)
    weeks = innermost[np.isfinite(innermost[:, 1]), 0]
    curve = KaplanMeierFitter().fit(np.floor(lower), np.isfinite(upper)).survival_function_at_times(weeks)
    assert weeks.tolist() == [6, 7, 10, 13, 16, 22, 23]
    assert 1 - mass[0].cumsum()[: len(weeks)] == pytest.approx(curve.to_numpy(), abs=1e-6)


def test_turnbull_of_the_leukaemia_trial_by_hand() -> None:
    """The product-limit estimate of the 6-MP group by hand: 18/21, 18/21 * 16/17 and 18/21 * 16/17 * 14/15."""
    mass = transmission.turnbull(*censored(TREATED), tolerance=1e-10)[1][0]
    steps = np.cumprod([18 / 21, 16 / 17, 14 / 15])
    assert 1 - mass.cumsum()[:3] == pytest.approx(steps, abs=1e-6)


def test_the_weibull_fitter_gives_the_documented_output_of_lifelines() -> None:
    """Documentation of lifelines, survival regression, WeibullAFTFitter on the Rossi data: fin 0.272 (0.138),
    age 0.041, race -0.225, log-likelihood -679.917; here through the likelihood of intervals that the study uses."""
    data = load_rossi()
    ends = data["week"].where(data["arrest"].eq(1), np.inf)
    frame = data.drop(columns=["week", "arrest"]).assign(lower=data["week"].astype(float), upper=ends)
    model = WeibullAFTFitter().fit_interval_censoring(frame, "lower", "upper")
    found = model.summary.loc["lambda_"]
    assert found.loc[["fin", "age", "race"], "coef"].tolist() == pytest.approx([0.272, 0.041, -0.225], abs=1e-3)
    assert found.loc["fin", "se(coef)"] == pytest.approx(0.138, abs=1e-3)
    assert model.log_likelihood_ == pytest.approx(-679.917, abs=1e-2)


def test_the_weibull_ratio_of_the_leukaemia_trial_is_the_one_of_its_likelihood() -> None:
    """Recomputed: the likelihood of Kalbfleisch and Prentice (2002), section 3.6, maximised with SciPy."""
    weeks, end = censored(TREATED + PLACEBO)
    treated = np.repeat([1.0, 0.0], 21)

    def minus_likelihood(at: np.ndarray) -> float:
        shape = np.exp(at[2])
        z = shape * (np.log(np.floor(weeks)) - at[0] - at[1] * treated)
        return float(-(np.isfinite(end) * (z + np.log(shape)) - np.exp(z)).sum())

    ratio = np.exp(minimize(minus_likelihood, [2.0, 1.0, 0.0], method="BFGS").x[1])
    answers = pd.DataFrame({"parent_id": np.where(treated == 1, "treated", "placebo"), "lower": np.floor(weeks)})
    answers["upper"] = np.where(np.isfinite(end), np.floor(weeks), np.inf)
    answers["province_code"] = [str(patient) for patient in range(len(answers))]
    found = transmission.weibull_ratios(answers, 0.95).set_index("parent_id")
    assert found.loc["treated", "ratio"] == pytest.approx(ratio, rel=1e-2)
