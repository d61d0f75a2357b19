"""Pharmacology: what the body does with a dose, and what the dose does to the body."""

from openkap.pharmacology.model import CompartmentModel, load_model
from openkap.pharmacology.population import Person, Population
from openkap.pharmacology.regimen import Dose, Regimen
from openkap.pharmacology.simulate import Simulation, simulate

__all__ = [
    "CompartmentModel",
    "Dose",
    "Person",
    "Population",
    "Regimen",
    "Simulation",
    "load_model",
    "simulate",
]
