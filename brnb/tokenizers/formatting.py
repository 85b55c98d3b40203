"""The price of formatting: the tokens that indentation, blanks and newlines cost in source code."""

from dataclasses import dataclass

from brnb.tokenizers import Tokenizer

FORMATTED_CODE = """\
public class HelloWorld {
    public static void main(String[] args) {
        System.out.println("Hello, World!");
        int a = 10;
        int b = 20;
        int sum = a + b;

        System.out.println("Sum: " + sum);
    }
}"""

UNFORMATTED_CODE = (
    "public class HelloWorld{public static void main(String[]args){"
    'System.out.println("Hello, World!");int a=10;int b=20;int sum=a+b;'
    'System.out.println("Sum: "+sum);}}'
)


@dataclass(frozen=True)
class FormattingPrice:
    """Tokens of the same program, formatted and not.

    Attributes
    ----------
    tokenizer
        Name of the tokenizer.
    formatted, unformatted
        Tokens of `FORMATTED_CODE` and of `UNFORMATTED_CODE`.
    unknown
        ``<unk>`` among the formatted tokens. Where there are any, characters are missing from the
        count, and the price is not comparable.
    """

    tokenizer: str
    formatted: int
    unformatted: int
    unknown: int

    @property
    def saving(self) -> float:
        """Share of the formatted tokens that the unformatted code does without."""
        return 1 - self.unformatted / self.formatted


GPT_4O_PRICE = FormattingPrice("GPT-4o", formatted=60, unformatted=47, unknown=0)
"""As published: companion document 004, "O preço da formatação", after arXiv 2508.13666."""


def formatting_price(tokenizer: Tokenizer) -> FormattingPrice:
    """Count the tokens of the published Java example with one of our tokenizers."""
    formatted = tokenizer.encode(FORMATTED_CODE)
    return FormattingPrice(
        tokenizer=tokenizer.name,
        formatted=len(formatted),
        unformatted=len(tokenizer.encode(UNFORMATTED_CODE)),
        unknown=formatted.count(tokenizer.unk_id),
    )
