"""Rating scales: answers to scores, scores to change, each as its manual says."""
