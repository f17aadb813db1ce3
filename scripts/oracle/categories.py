"""The known differences between machex's metadata and torchxrayvision's.

docs/metadata.md lists them by the same numbers. A module per dataset decides by a predicate which
rows a category explains.
"""

from __future__ import annotations

from typing import NamedTuple


class Category(NamedTuple):
    """A kind of difference: its number in docs/metadata.md, and its reason."""

    number: int
    reason: str


# Rows that only one of the two has.
NOT_IN_TRAIN_VAL = Category(1, "not in train_val_list.txt, so not in the tree")
NO_LABEL_CELL = Category(2, "torchxrayvision leaves out rows whose Labels are blank")
UNREADABLE_THEIRS = Category(3, "on torchxrayvision's list of unreadable files; known_bad here")
UNREADABLE_OURS = Category(4, "on the original script's list of unreadable files")
CHILDREN = Category(5, "torchxrayvision leaves out births after 2008 and unknown ones")
NO_LABEL_ROW = Category(6, "torchxrayvision leaves out images without a row of labels")
STRIPS = Category(7, "torchxrayvision leaves out strips (side ratio above 10)")
ROWS_OF_MASKS = Category(8, "torchxrayvision has a row for each mask, machex one for each image")
VIEW_NOT_IN_TREE = Category(9, "the tree has no images of this view")
NO_IMAGE = Category(16, "the list names an image that is not there")

# Patient, age, sex, view.
VIEW_NAME = Category(10, "the same view has another name")
NAME_IN_LIST = Category(17, "the list of headers has the image under another name")
PROJECTION = Category(18, "Kaggle's list of projections tells the view by eye")
LEADING_ZEROS = Category(19, "torchxrayvision reads the patient as a number, without its zeros")
AGE_ZERO = Category(11, "0 stands for an unknown age")
AGE_OVER_120 = Category(12, "an age above 120 has lost its unit")
AGE_AT_STUDY = Category(13, "age at the study, not in 2017")
SEX_OTHER = Category(14, "O is a sex of its own, not neither")
PATIENT_IS_IMAGE = Category(15, "PatientID is different for each image, so it tells no patient")

# Labels.
UNCERTAIN = Category(20, "-1 (uncertain) is kept")
DEVICES = Category(21, "No Finding does not rule out Support Devices")
CONTRADICTION = Category(22, "a finding beside No Finding is kept")
UNUSABLE = Category(23, "the image is unusable or the labels say nothing about it")
SUBSTRING = Category(24, "torchxrayvision finds part of another term")
BROADER = Category(25, "the term is broader than the finding, so it proves nothing")
DOUBTFUL = Category(26, "the term is doubtful for the finding")
NARROWER = Category(27, "a narrower term that torchxrayvision does not find")
MAJOR_ONLY = Category(28, "a human indexer's heading that the automatic terms do not have")
AUTOMATIC_ONLY = Category(29, "an automatic term without a human indexer's heading")
NOT_INDEXED = Category(30, "not indexed, or only for its quality")
ONE_READER = Category(31, "one reader of three: uncertain")
NOT_NORMAL = Category(32, "only the class Normal rules out a lung opacity")
SUSPECTED = Category(33, "suspected pneumonia is not a finding of an image")
TEXT_MINED = Category(34, "Google's labels fill in only what the dataset's own leave open")
ANOTHER_SCOPE = Category(35, "other terms of the dataset are kinds of the finding, too")
NARROWER_ABSENT = Category(36, "the absence of a narrower term does not rule out the finding")
RADIOLOGISTS = Category(37, "radiologists labelled the study; torchxrayvision has the text mining")
