//! Pure folds from events to views.
