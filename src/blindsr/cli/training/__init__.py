"""``lightning {fit,validate,test,predict}`` with this library's checks and one-line errors."""
