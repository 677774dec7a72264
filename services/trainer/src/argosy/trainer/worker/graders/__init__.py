"""OpenAI's graders of answers: string_check, text_similarity, python, score_model and multi.

They know texts and items; they know nothing of models that are trained, and import no torch.
"""
